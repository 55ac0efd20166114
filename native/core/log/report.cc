// SPDX-License-Identifier: MIT
#include "log/report.h"

#include <utility>

#include "base/assert.h"

namespace seglog::log {

const char* RecoveryRowName(RecoveryRow row) {
  switch (row) {
    case RecoveryRow::kNoLog:
      return "no-log";
    case RecoveryRow::kCatalogBoth:
      return "catalog-both";
    case RecoveryRow::kCatalogNewer:
      return "catalog-newer";
    case RecoveryRow::kCatalogOneBad:
      return "catalog-one-bad";
    case RecoveryRow::kCatalogNoneValid:
      return "catalog-none-valid";
    case RecoveryRow::kCatalogMissing:
      return "catalog-missing";
    case RecoveryRow::kJournalHeaderCopy:
      return "journal-header-copy";
    case RecoveryRow::kJournalHeaderBad:
      return "journal-header-bad";
    case RecoveryRow::kJournalStartMissing:
      return "journal-start-missing";
    case RecoveryRow::kWalkNextFile:
      return "walk-next-file";
    case RecoveryRow::kWalkEndUntouched:
      return "walk-end-untouched";
    case RecoveryRow::kWalkEndTorn:
      return "walk-end-torn";
    case RecoveryRow::kWalkEndVoid:
      return "walk-end-void";
    case RecoveryRow::kBodyTorn:
      return "body-torn";
    case RecoveryRow::kWalkBelowMark:
      return "walk-below-mark";
    case RecoveryRow::kItemContradiction:
      return "item-contradiction";
    case RecoveryRow::kBytesMissing:
      return "bytes-missing";
    case RecoveryRow::kCount:
      break;
  }
  SEGLOG_ASSERT(false);
}

const char* RecoveryStatusName(RecoveryStatus status) {
  switch (status) {
    case RecoveryStatus::kNew:
      return "new";
    case RecoveryStatus::kClean:
      return "clean";
    case RecoveryStatus::kRecovered:
      return "recovered";
    case RecoveryStatus::kTornTail:
      return "torn-tail";
    case RecoveryStatus::kCorrupt:
      return "corrupt";
  }
  SEGLOG_ASSERT(false);
}

void DamageList::Add(Damage damage) {
  if (listed.size() < kDamageListedMax) {
    listed.push_back(std::move(damage));
  } else {
    ++omitted;
  }
}

void DamageList::Add(DamageList other) {
  for (Damage& damage : other.listed) Add(std::move(damage));
  omitted += other.omitted;
}

}  // namespace seglog::log

// SPDX-License-Identifier: MIT
#include "test/support/verified.h"

namespace seglog::test {

log::Options ReadOnly(log::Options options) {
  options.read_only = true;
  return options;
}

Verified Finish(log::Verification* verification) {
  Verified verified;
  while (verified.status.ok() && !verification->done()) verified.status = verification->Step();
  verified.progress = verification->progress();
  verified.report = verification->TakeReport();
  return verified;
}

Verified Verify(EngineHarness* log) {
  log::Verification verification(&log->state());
  return Finish(&verification);
}

std::vector<log::Damage> DamageIn(const DiskImage& image) {
  OpenedImage opened(image, ReadOnly(QuietOptions()));
  const Verified verified = Verify(&opened.log);
  SEGLOG_ASSERT(verified.status.ok());
  return verified.report.damage.listed;
}

RestingLog SealedLog() { return MakeRestingLog(QuietOptions(), 70, 1000, {30, 60}); }

}  // namespace seglog::test

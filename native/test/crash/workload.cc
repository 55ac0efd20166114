// SPDX-License-Identifier: MIT
#include "test/crash/workload.h"

namespace seglog::crash {
namespace {

// Journal files of six blocks, segments of two pages: everything happens often.
log::Options TinyOptions() {
  log::Options options;
  options.segment_bytes = 12 * 1024;
  options.shared_stream_bytes_max = 0;
  options.journal_first_bytes = 32 * 1024;
  options.journal_file_bytes = 32 * 1024;
  options.journal_live_bytes_max = 96 * 1024;
  options.commit_bytes_max = 8 * 1024;
  options.frame_bytes_max = 1024;
  options.destage_bytes = 8 * 1024;
  options.carry_bytes_max = 4 * 1024;
  options.lsn_reserve = 8;
  options.open_segments_max = 3;
  return options;
}

Workload* Add(std::vector<Workload>* all, const char* name) {
  Workload& workload = all->emplace_back();
  workload.name = name;
  workload.options = TinyOptions();
  return &workload;
}

void AddInboxWorkloads(std::vector<Workload>* all) {
  Add(all, "sync-appends");
  Workload& mixed = *Add(all, "mixed-durability");
  mixed.percent_os = 30;
  mixed.percent_none = 30;
  mixed.percent_sync = 10;
  Workload& unsynced = *Add(all, "unsynced-with-syncs");
  unsynced.percent_none = 90;
  unsynced.percent_os = 5;
  unsynced.percent_sync = 8;
  unsynced.close = false;
  Workload& batches = *Add(all, "batches");
  batches.percent_batch = 70;
  batches.percent_os = 10;
  Workload& sealing = *Add(all, "rotation-and-sealing");
  sealing.keys = 2;
  sealing.percent_seal = 20;
  sealing.payload_bytes_max = 1500;
  Workload& recycling = *Add(all, "recycling");
  recycling.requests = 90;
  recycling.payload_bytes_max = 900;
  recycling.percent_large = 10;
  Workload& quiet = *Add(all, "quiet-streams-carried");
  quiet.keys = 6;
  quiet.requests = 80;
  quiet.percent_large = 0;
  quiet.payload_bytes_max = 60;
  quiet.percent_none = 20;
  quiet.options.journal_live_bytes_max = 64 * 1024;
  Workload& tiny = *Add(all, "tiny-streams");
  tiny.keys = 20;
  tiny.requests = 80;
  tiny.percent_large = 0;
  tiny.percent_seal = 5;
  tiny.percent_none = 20;
  tiny.options.shared_stream_bytes_max = 64 * 1024;
  Workload& growing = *Add(all, "streams-that-outgrow-shared-segments");
  growing.keys = 6;
  growing.requests = 80;
  growing.percent_seal = 10;
  growing.percent_os = 20;
  growing.options.shared_stream_bytes_max = 800;
  Workload& large = *Add(all, "records-larger-than-a-journal-file");
  large.requests = 25;
  large.percent_large = 35;
  large.options.record_bytes_max = 64 * 1024;
}

// A ring with room for a few entries, so that it is full and goes on at its start all the time.
Workload* AddRinged(std::vector<Workload>* all, const char* name) {
  Workload& workload = *Add(all, name);
  workload.ring_bytes = 3 * 1024;
  workload.options.buffered_bytes_max = workload.ring_bytes;
  return &workload;
}

// As lib/ works: through the ring.
void AddRingWorkloads(std::vector<Workload>* all) {
  Workload& ringed = *AddRinged(all, "through-the-ring");
  ringed.requests = 50;
  ringed.percent_os = 25;
  ringed.percent_none = 25;
  ringed.percent_batch = 25;
  ringed.percent_large = 8;
  ringed.percent_wait_durable = 5;
  ringed.payload_bytes_max = 400;
  Workload& here = *AddRinged(all, "commits-on-the-calling-thread");
  here.requests = 40;
  here.keys = 8;
  here.percent_here = 40;
  here.percent_os = 15;
  here.percent_none = 25;
  here.percent_batch = 20;
  here.options.shared_stream_bytes_max = 64 * 1024;
  Workload& periodic = *AddRinged(all, "sync-every");
  periodic.requests = 60;
  periodic.percent_os = 45;
  periodic.percent_none = 50;
  periodic.percent_sync = 0;
  periodic.close = false;
  periodic.options.sync_every_us = 9'000;
  periodic.options.sync_every_bytes = 14 * 1024;
  periodic.options.sync_every_records = 9;
  periodic.options.lsn_reserve = 40;
  Workload& expecting = *AddRinged(all, "expected-sequences");
  expecting.requests = 45;
  expecting.percent_expect = 75;
  expecting.percent_os = 25;
  expecting.percent_none = 25;
  expecting.percent_here = 8;
  expecting.options.shared_stream_bytes_max = 800;
  Workload& ingesting = *AddRinged(all, "ingest");
  ingesting.requests = 60;
  ingesting.percent_ingest = 75;
  ingesting.percent_sync = 20;
  ingesting.percent_os = 30;
  ingesting.options.sync_every_us = 30'000;
}

// Much of what they append goes straight to segments, by the inbox and through the ring.
void AddBodyWorkloads(std::vector<Workload>* all) {
  Workload& bodies = *Add(all, "bodies");
  bodies.keys = 2;
  bodies.requests = 60;
  bodies.payload_bytes_max = 4000;
  bodies.percent_batch = 20;
  bodies.percent_seal = 5;
  bodies.percent_os = 15;
  bodies.options.segment_bytes = 48 * 1024;
  bodies.options.out_of_line_bytes = 2000;
  Workload& unsynced = *Add(all, "unsynced-bodies");
  unsynced.keys = 2;
  unsynced.requests = 60;
  unsynced.payload_bytes_max = 4000;
  unsynced.percent_none = 80;
  unsynced.percent_sync = 6;
  unsynced.close = false;
  unsynced.options.segment_bytes = 24 * 1024;
  unsynced.options.out_of_line_bytes = 2000;
  Workload& ringed = *AddRinged(all, "bodies-through-the-ring");
  ringed.keys = 2;
  ringed.requests = 50;
  ringed.percent_here = 15;
  ringed.percent_os = 25;
  ringed.percent_none = 25;
  ringed.percent_batch = 40;
  ringed.payload_bytes_max = 500;
  ringed.options.segment_bytes = 32 * 1024;
  ringed.options.out_of_line_bytes = 600;
}

std::vector<Workload> MakeWorkloads() {
  std::vector<Workload> all;
  AddInboxWorkloads(&all);
  AddRingWorkloads(&all);
  AddBodyWorkloads(&all);
  return all;
}

}  // namespace

const std::vector<Workload>& Workloads() {
  static const std::vector<Workload> kAll = MakeWorkloads();
  return kAll;
}

}  // namespace seglog::crash

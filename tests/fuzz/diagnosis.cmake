foreach(name IN ITEMS event_json kmsg_record oom_log verdict_json recording_chunk recording_ring)
  cgwarden_fuzz(${name} diagnosis)
endforeach()

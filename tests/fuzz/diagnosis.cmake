foreach(name IN ITEMS event_json kmsg_record oom_log verdict_json)
  cgwarden_fuzz(${name} diagnosis)
endforeach()

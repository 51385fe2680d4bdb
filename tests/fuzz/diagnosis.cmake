foreach(name IN ITEMS kmsg_record oom_log verdict_json)
  cgwarden_fuzz(${name} diagnosis)
endforeach()

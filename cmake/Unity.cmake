# With CMAKE_UNITY_BUILD (sanitizers, clang-tidy, the tests of a release) a dozen files of a target are compiled as one, in a third of
# the time. These are compiled alone: their anonymous namespaces have a name that another file's has too. The programs of a release
# are compiled file by file, so that none leans on another one's includes; with the tests that is what `dev` and `coverage` are for.
function(cgwarden_compile_alone target)
  if(TARGET ${target})
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/)
    set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

cgwarden_compile_alone(cgwarden_launcher
  launcher/control_writer.cpp launcher/hooks.cpp launcher/network_lease.cpp launcher/network_request.cpp launcher/oom_watch.cpp
  launcher/scheduler.cpp launcher/scope_request.cpp launcher/seccomp_cache.cpp launcher/seccomp_listener.cpp
  launcher/seccomp_words.cpp launcher/state.cpp launcher/unit_property.cpp)
cgwarden_compile_alone(cgwarden-network launcher/cni_network.cpp)
cgwarden_compile_alone(cgwarden_policy policy/schema.cpp)
cgwarden_compile_alone(cgwarden_diagnosis diagnosis/audit/limits.cpp diagnosis/audit/namespaces.cpp)
cgwarden_compile_alone(cgwarden_exporters exporters/reference.cpp)
cgwarden_compile_alone(cgwarden_agent
  agent/health_monitor.cpp agent/image_store.cpp agent/packaged_tool.cpp agent/shim_process.cpp agent/user_scope.cpp)
cgwarden_compile_alone(cgwarden_cli
  cli/audit_report.cpp cli/doctor.cpp cli/doctor_report.cpp cli/image.cpp cli/inspect.cpp
  cli/json_output.cpp)
cgwarden_compile_alone(launcher_test
  tests/launcher/cgroup_resources_test.cpp tests/launcher/oci_resources_test.cpp tests/launcher/spec_test.cpp)
cgwarden_compile_alone(launcher_root_test
  tests/launcher/root/cve_console_test.cpp tests/launcher/root/propagation_test.cpp)
if(TARGET policy_test)  # its readers of test documents have the same names
  set_target_properties(policy_test PROPERTIES UNITY_BUILD OFF)
endif()

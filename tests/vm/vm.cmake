# Each boots one machine for all of its tests, which wait for it half of the time. Needs root and `tests/vm/vm prepare`.
# The longest begin first.
foreach(machine systemd.1/1 fast.1/3 fast.2/3 fast.3/3)
  foreach(kernel 6.1 6.12)
    string(REGEX MATCH "^([a-z]+)\\.(([0-9])/([0-9]))$" matched ${machine})
    set(mode ${CMAKE_MATCH_1})
    set(part ${CMAKE_MATCH_2})
    set(name kernel.${kernel}.${mode})
    if(CMAKE_MATCH_4 GREATER 1)
      string(APPEND name .${CMAKE_MATCH_3})
    endif()
    add_test(NAME ${name}
      COMMAND /usr/bin/python3 -B -m pytest -p no:cacheprovider --divide --kernel=${kernel} --mode=${mode} --part=${part}
              -m "not matrix" --durations=10 ${CMAKE_CURRENT_LIST_DIR})
    set_tests_properties(${name} PROPERTIES
      LABELS kernel TIMEOUT 1700 ENVIRONMENT CGWARDEN_BUILD_DIR=${PROJECT_BINARY_DIR})
  endforeach()
endforeach()

# The scenario matrix takes as long as all the others together: `ctest -L matrix`.
foreach(kernel 6.1 6.12)
  add_test(NAME matrix.${kernel}
    COMMAND /usr/bin/python3 -B -m pytest -p no:cacheprovider --kernel=${kernel} --mode=fast
            ${CMAKE_CURRENT_LIST_DIR}/test_matrix.py)
  set_tests_properties(matrix.${kernel} PROPERTIES
    LABELS matrix TIMEOUT 1800 ENVIRONMENT CGWARDEN_BUILD_DIR=${PROJECT_BINARY_DIR})
endforeach()

# What the workloads of the scenario matrix do (matrix/).
add_executable(matrix_deed ${CMAKE_CURRENT_LIST_DIR}/matrix/deed.cpp)
set_target_properties(matrix_deed PROPERTIES OUTPUT_NAME deed)
if(NOT CGWARDEN_SANITIZE)
  target_link_options(matrix_deed PRIVATE -static)
endif()

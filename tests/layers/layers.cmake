add_test(NAME layers.includes
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_layers.py ${PROJECT_BINARY_DIR}/layers.txt ${PROJECT_SOURCE_DIR})
add_test(NAME layers.the_check_itself COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_layers_test.py)
set_tests_properties(layers.includes layers.the_check_itself PROPERTIES LABELS layers)

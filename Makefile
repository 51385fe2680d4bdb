# The steps of ./check by name, for habit's sake. ./check --list shows them with what they do.
.PHONY: all check quick build unit fuzz-corpus layers headers format asan tsan tidy lint dashboards \
        kernel vm-shell fmt fuzz coverage clean

all: build

check:
	./check

quick:
	./check --quick

build unit fuzz-corpus layers headers format asan tsan tidy lint dashboards kernel:
	./check --only $@

vm-shell:
	./check --vm-shell $(KERNEL) $(MODE)

# Rewrites what `make format` complains about.
fmt:
	git ls-files -z --cached --others --exclude-standard '*.cpp' '*.h' | xargs -0 clang-format-19 -i

# make fuzz T=cpu_stat [SECONDS=60]: runs one libFuzzer target on its corpus.
SECONDS ?= 60
fuzz:
	@test -n "$(T)" || { echo "which target? make fuzz T=cpu_stat" >&2; exit 2; }
	@test -f "tests/fuzz/$(T)_fuzz.cpp" || { echo "there is no fuzz target $(T): $$(ls tests/fuzz | sed -n 's/_fuzz.cpp$$//p' | tr '\n' ' ')" >&2; exit 2; }
	cmake --preset fuzz
	cmake --build --preset fuzz --target $(T)_fuzz
	mkdir -p build/fuzz/found/$(T)
	cd build/fuzz/found/$(T) && $(CURDIR)/build/fuzz/tests/$(T)_fuzz -max_total_time=$(SECONDS) \
	  . $(CURDIR)/tests/fuzz/corpus/$(T)

coverage:
	cmake --preset coverage
	cmake --build --preset coverage --target unit_tests fuzz_tests
	ctest --preset coverage
	find build/coverage -name '*.gcda' -printf '%h\n' | sort -u | \
	  grep -v /tests/ | xargs -I{} sh -c 'cd {} && gcov-12 -n *.gcda' 2>/dev/null | \
	  grep -A1 "^File '$(CURDIR)" | paste - - - | sort -u

clean:
	rm -rf build

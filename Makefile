# The steps of ./check by name, for habit's sake. ./check --list shows them with what they do.
.PHONY: all check quick build unit fuzz-corpus endurance layers headers format asan tsan tidy lint dashboards \
        kernel vm-shell fmt fuzz coverage bench clean

all: build

check:
	./check

quick:
	./check --quick

build unit fuzz-corpus endurance layers headers format asan tsan tidy lint dashboards kernel:
	./check --only $@

vm-shell:
	./check --vm-shell $(KERNEL) $(MODE)

# Rewrites what `make format` complains about.
fmt:
	git ls-files -z --cached --others --exclude-standard '*.cpp' '*.h' | xargs -0r clang-format-19 -i

# make fuzz T=cpu_stat [SECONDS=60]: runs one libFuzzer target on its corpus.
SECONDS ?= 60
fuzz:
	@test -n "$(T)" && test -f "tests/fuzz/$(T)_fuzz.cpp" || { \
	  echo "make fuzz: T='$(T)' is no target; T=NAME wants one of: $$(cd tests/fuzz && ls *_fuzz.cpp | sed 's/_fuzz.cpp$$//' | paste -sd ' ')" >&2; \
	  exit 2; }
	cmake --preset fuzz
	cmake --build --preset fuzz --target "$(T)_fuzz"
	mkdir -p "build/fuzz/found/$(T)"
	cd "build/fuzz/found/$(T)" && "$(CURDIR)/build/fuzz/tests/$(T)_fuzz" -max_total_time=$(SECONDS) \
	  . "$(CURDIR)/tests/fuzz/corpus/$(T)"

# Lines of every file of the project that the unit tests and the fuzz corpus reach.
coverage:
	cmake --preset coverage
	cmake --build --preset coverage --target unit_tests fuzz_tests
	ctest --preset coverage
	find build/coverage -name '*.gcda' -printf '%h\n' | sort -u | grep -v /tests/ | \
	  xargs -d '\n' -I{} sh -c 'cd "$$1" && gcov -n *.gcda' sh {} 2>/dev/null | \
	  grep -F -A1 "File '$(CURDIR)/" | paste - - - | sort -u

# Google Benchmark programs, into build/bench/benchmarks.
bench:
	packaging/install-build-deps build bench
	cmake --preset bench
	cmake --build --preset bench

clean:
	rm -rf build

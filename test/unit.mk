# Unit tests and fuzzers, built under AddressSanitizer and UndefinedBehaviorSanitizer into build/unit.
# make -f test/unit.mk -j2 [tests|fuzzers]; run by test/check.sh.
OUT       = build/unit
SANITIZE  = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
WARNINGS  = -Wall -Wextra -Wno-missing-field-initializers $(if $(CI),-Werror)
VERSION   = $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" extension/sentinel.control)
PQ        = -isystem $(shell pg_config --includedir)
FUZZ_CXX ?= $(firstword $(foreach c,clang++-14 clang++,$(shell command -v $(c))))

CORE_SOURCES   = $(sort $(wildcard src/core/*.cpp))
WORKER_SOURCES = $(sort $(wildcard worker/engine/*.cpp worker/channels/*.cpp))
CORE_OBJECTS   = $(CORE_SOURCES:%.cpp=$(OUT)/%.o)
WORKER_OBJECTS = $(WORKER_SOURCES:%.cpp=$(OUT)/%.o)
CORE_TESTS     = $(patsubst test/%.cpp,$(OUT)/%,$(sort $(wildcard test/core/*_test.cpp)))
ALL_WORKER     = $(patsubst test/%.cpp,$(OUT)/%,$(sort $(wildcard test/worker/*_test.cpp)))
GATEWAY_TESTS  = $(filter $(OUT)/worker/gateway_%,$(ALL_WORKER))
WORKER_TESTS   = $(filter-out $(GATEWAY_TESTS),$(ALL_WORKER))
# The parts of the gateway without a socket; Boost is needed for one of them.
GATEWAY_PARTS  = $(patsubst %,worker/gateway/%.cpp,answer body config doors forwarded head hub metrics routes)
GATEWAY_OBJECTS = $(GATEWAY_PARTS:%.cpp=$(OUT)/%.o)
ALL_FUZZERS    = $(patsubst test/%.cpp,$(OUT)/%,$(sort $(wildcard test/fuzz/*_fuzz.cpp)))
WORKER_FUZZERS = $(filter $(OUT)/fuzz/worker_%,$(ALL_FUZZERS))
GATEWAY_FUZZERS = $(filter $(OUT)/fuzz/gateway_%,$(ALL_FUZZERS))
CORE_FUZZERS   = $(filter-out $(WORKER_FUZZERS) $(GATEWAY_FUZZERS),$(ALL_FUZZERS))
WORKER_CORE    = $(patsubst %,$(OUT)/src/core/%.o,digest encoding keyring secret vault)
WORKER_PARSERS = $(patsubst %,worker/engine/%.cpp,guard json retry_after url) $(patsubst %,src/core/%.cpp,digest encoding keyring secret vault)

HAVE_BOOST    := $(shell echo BOOST_VERSION | $(CXX) -E -P -include boost/version.hpp -x c++ - 2>/dev/null | awk '$$0 + 0 >= 108100 { print "yes" }')

tests: $(CORE_TESTS) $(WORKER_TESTS) $(if $(HAVE_BOOST),$(GATEWAY_TESTS))
fuzzers: $(CORE_FUZZERS) $(WORKER_FUZZERS) $(if $(HAVE_BOOST),$(GATEWAY_FUZZERS))

CORE_FLAGS   = -std=c++17 -g -O1 $(SANITIZE) $(WARNINGS) -Isrc -I.
WORKER_FLAGS = -std=c++20 -g -O1 $(SANITIZE) $(WARNINGS) -I. -Isrc -Iworker $(PQ) -DSENTINEL_VERSION='"$(VERSION)"'

$(CORE_OBJECTS): $(OUT)/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(CORE_FLAGS) -MMD -MP -c -o $@ $<
$(WORKER_OBJECTS) $(GATEWAY_OBJECTS): $(OUT)/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(WORKER_FLAGS) -MMD -MP -c -o $@ $<
$(CORE_TESTS): $(OUT)/%: test/%.cpp $(CORE_OBJECTS)
	@mkdir -p $(@D)
	$(CXX) $(CORE_FLAGS) -o $@ $^ -lgtest -lgtest_main -lcrypto -lpthread
$(WORKER_TESTS): $(OUT)/%: test/%.cpp $(WORKER_OBJECTS) $(WORKER_CORE)
	@mkdir -p $(@D)
	$(CXX) $(WORKER_FLAGS) -o $@ $^ -lgtest -lgtest_main -lcurl -lpq -lcrypto -lsystemd -lpthread
$(GATEWAY_TESTS): $(OUT)/%: test/%.cpp $(GATEWAY_OBJECTS) $(WORKER_OBJECTS) $(WORKER_CORE)
	@mkdir -p $(@D)
	$(CXX) $(WORKER_FLAGS) -o $@ $^ -lgtest -lgtest_main -lcurl -lpq -lcrypto -lsystemd -lpthread
# Each source once for all fuzzers; link time is all that a fuzzer adds.
FUZZ = $(FUZZ_CXX) -g -O1 -fno-sanitize-recover=all -I. -Isrc
FUZZED_CORE    = $(CORE_SOURCES:%.cpp=$(OUT)/fuzzed/%.o)
FUZZED_WORKER  = $(WORKER_PARSERS:%.cpp=$(OUT)/fuzzed/%.o)
FUZZED_GATEWAY = $(patsubst %,$(OUT)/fuzzed/worker/gateway/%.o,body head)
$(FUZZED_CORE): $(OUT)/fuzzed/%.o: %.cpp
	@mkdir -p $(@D)
	$(FUZZ) -std=c++17 -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<
$(filter-out $(FUZZED_CORE),$(FUZZED_WORKER) $(FUZZED_GATEWAY)): $(OUT)/fuzzed/%.o: %.cpp
	@mkdir -p $(@D)
	$(FUZZ) -std=c++20 -Iworker -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<
FUZZER = @mkdir -p $(@D) && $(FUZZ) -std=c++20 -Iworker -fsanitize=fuzzer,address,undefined -o $@ $^
$(CORE_FUZZERS): $(OUT)/%: test/%.cpp $(FUZZED_CORE)
	$(FUZZER) -lcrypto
$(WORKER_FUZZERS): $(OUT)/%: test/%.cpp $(FUZZED_WORKER)
	$(FUZZER) -lcurl -lcrypto
$(GATEWAY_FUZZERS): $(OUT)/%: test/%.cpp $(FUZZED_GATEWAY)
	$(FUZZER)
-include $(CORE_OBJECTS:.o=.d) $(WORKER_OBJECTS:.o=.d) $(GATEWAY_OBJECTS:.o=.d) $(FUZZED_CORE:.o=.d) $(FUZZED_WORKER:.o=.d) $(FUZZED_GATEWAY:.o=.d)

.PHONY: tests fuzzers

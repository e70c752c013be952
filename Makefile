# Build: make. Install: make install. See it work: make demo. Test all of it: make check. Measure: make bench.
EXTENSION    = extension/sentinel
EXTVERSION   = $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" extension/sentinel.control)
INSTALL_SQL  = extension/sentinel--$(EXTVERSION).sql
DATA         = $(filter-out $(INSTALL_SQL),$(wildcard extension/sentinel--*--*.sql))
DATA_built   = $(INSTALL_SQL)
MODULE_big   = sentinel
OBJS         = $(patsubst %.cpp,%.o,$(sort $(wildcard src/*.cpp src/pg/*.cpp src/core/*.cpp)))
WORKER       = sentinel-worker
WORKER_OBJS  = $(patsubst %.cpp,%.o,$(sort $(wildcard worker/*.cpp worker/engine/*.cpp worker/channels/*.cpp)))
WORKER_CORE  = $(patsubst %,src/core/%.o,digest encoding keyring secret vault)
# Where Boost 1.81 or later is there (Debian 12: libboost1.81-dev).
GATEWAY      = sentinel-gateway
GATEWAY_OBJS = $(patsubst %.cpp,%.o,$(sort $(wildcard worker/gateway/*.cpp))) \
               $(patsubst %,worker/engine/%.o,clock config config_reader connect guard hosts json log process session)
GATEWAY_CORE = $(patsubst %,src/core/%.o,encoding secret)
HAVE_BOOST  := $(shell echo BOOST_VERSION | $(CXX) -E -P -include boost/version.hpp -x c++ - 2>/dev/null | awk '$$0 + 0 >= 108100 { print "yes" }')
REGRESS      = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=pg_trgm --load-extension=pgcrypto --load-extension=btree_gin --load-extension=sentinel
ISOLATION    = $(sort $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=pg_trgm --load-extension=pgcrypto --load-extension=btree_gin --load-extension=sentinel
EXTRA_CLEAN  = $(INSTALL_SQL) $(WORKER) $(WORKER_OBJS) $(GATEWAY) $(GATEWAY_OBJS) $(OBJS:.o=.d) $(WORKER_OBJS:.o=.d) $(GATEWAY_OBJS:.o=.d) build

PG_CONFIG   ?= pg_config
WARNINGS     = -Wall -Wextra -Wno-missing-field-initializers $(if $(CI),-Werror)
PG_CPPFLAGS  = -isystem $(shell $(PG_CONFIG) --includedir-server) -Isrc -DSENTINEL_VERSION='"$(EXTVERSION)"'
PG_CXXFLAGS  = -std=c++17 $(WARNINGS)
SHLIB_LINK   = -lstdc++ -lcrypto -Wl,--version-script=src/exports.map
override with_llvm = no
PGXS        := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

all: $(if $(wildcard worker/main.cpp),$(WORKER))
install: $(if $(wildcard worker/main.cpp),install-worker)
all: $(if $(HAVE_BOOST),$(GATEWAY),without-gateway)
install: $(if $(HAVE_BOOST),install-gateway)
uninstall: uninstall-worker uninstall-gateway

$(INSTALL_SQL): extension/assemble.sh extension/sentinel.control $(wildcard sql/code/*.sql sql/schema/*/*.sql)
	sh extension/assemble.sh > $@.new && mv $@.new $@

# PGXS on Debian tracks no headers, so objects have a rule of their own.
src/%.o: src/%.cpp
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -fPIC -MMD -MP -c -o $@ $<
$(WORKER_OBJS): worker/%.o: worker/%.cpp
	$(CXX) -std=c++20 -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 $(WARNINGS) -I. -Isrc -Iworker -isystem $(shell $(PG_CONFIG) --includedir) \
		-DSENTINEL_VERSION='"$(EXTVERSION)"' -MMD -MP -c -o $@ $<
$(WORKER): $(WORKER_OBJS) $(WORKER_CORE)
	$(CXX) -Wl,-z,relro,-z,now -o $@ $^ -lcurl -lpq -lcrypto -lsystemd
worker/gateway/%.o: worker/gateway/%.cpp
	$(CXX) -std=c++20 -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 $(WARNINGS) -I. -Isrc -Iworker -isystem $(shell $(PG_CONFIG) --includedir) \
		-DBOOST_ASIO_SEPARATE_COMPILATION -DBOOST_BEAST_SEPARATE_COMPILATION -DBOOST_ENABLE_ASSERT_HANDLER -DSENTINEL_VERSION='"$(EXTVERSION)"' -MMD -MP -c -o $@ $<
$(GATEWAY): $(GATEWAY_OBJS) $(GATEWAY_CORE)
	$(CXX) -Wl,-z,relro,-z,now -o $@ $^ -lpq -lcrypto -lsystemd
without-gateway:
	@echo 'sentinel-gateway is not built: it needs the headers of Boost 1.81 or later (Debian 12: libboost1.81-dev)'
-include $(OBJS:.o=.d) $(WORKER_OBJS:.o=.d) $(filter worker/gateway/%,$(GATEWAY_OBJS:.o=.d))

# The worker with fault points (worker/engine/fault.hpp), for test/chaos; never installed.
FAULT_SOURCES = $(shell grep -l '"engine/fault.hpp"' worker/*.cpp worker/*/*.cpp)
FAULT_OBJS    = $(patsubst worker/%.cpp,build/faults/%.o,$(FAULT_SOURCES))
build/faults/%.o: worker/%.cpp
	@$(MKDIR_P) $(@D)
	$(CXX) -std=c++20 -O2 -g $(WARNINGS) -I. -Isrc -Iworker -isystem $(shell $(PG_CONFIG) --includedir) \
		-DSENTINEL_VERSION='"$(EXTVERSION)"' -DSENTINEL_FAULTS -MMD -MP -c -o $@ $<
build/faults/sentinel-worker-faults: $(FAULT_OBJS) $(filter-out $(FAULT_SOURCES:.cpp=.o),$(WORKER_OBJS)) $(WORKER_CORE)
	$(CXX) -o $@ $^ -lcurl -lpq -lcrypto -lsystemd
-include $(FAULT_OBJS:.o=.d)

install-worker: $(WORKER)
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) $(WORKER) '$(DESTDIR)$(bindir)/$(WORKER)'
uninstall-worker:
	rm -f '$(DESTDIR)$(bindir)/$(WORKER)'
install-gateway: $(GATEWAY)
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) $(GATEWAY) '$(DESTDIR)$(bindir)/$(GATEWAY)'
uninstall-gateway:
	rm -f '$(DESTDIR)$(bindir)/$(GATEWAY)'

check:
	bash test/check.sh
demo:
	bash test/demo/demo.sh
demo-stop:
	bash test/demo/demo_stop.sh
bench:
	bash test/bench/bench.sh
bench-peers:
	bash test/bench/peers/peers.sh
bench-day:
	bash test/bench/day/day.sh
chaos:
	FAULTS=$(or $(FAULTS),200) bash test/e2e/chaos.sh
lint:
	bash test/lint.sh

.PHONY: check demo demo-stop bench chaos lint install-worker uninstall-worker \
	install-gateway uninstall-gateway without-gateway

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# What `spikescan bench --peers` compares with; their dependencies would replace the installed torch.
PEERS = spikingjelly snntorch loguru

SOURCES = $(wildcard src/kernels/*.cpp src/kernels/*.h)
SETUP = pyproject.toml constraints.txt src/kernels/CMakeLists.txt
COMPILER = $(firstword $(foreach name,$(CXX) c++ clang++,$(shell command -v $(name))))
CMAKE = $(BIN)/cmake -S src/kernels -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja
KERNEL_TESTS = tests/scan tests/fused tests/sparse tests/binary tests/test_random.py

.PHONY: demo test lint kernels sanitize wheel gpu clean

# The main job on the built-in data: SPSN-GS against LIF on `digits`.
demo: $(VENV)/.demo
	$(BIN)/spikescan demo --out demo --overwrite

# What has to hold before a change goes in: style, types, tests. Without a C++ compiler there are no kernels to test.
test: $(VENV)/.dev lint $(if $(COMPILER),kernels)
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/clang-format --dry-run --Werror $(SOURCES)
	$(BIN)/pyright --pythonpath $(BIN)/python

# The CPU kernels of this checkout, only what has changed.
kernels: $(VENV)/.dev
	$(CMAKE) -B build/kernels -DSPIKESCAN_WERROR=ON
	$(BIN)/cmake --build build/kernels

# The kernels that fit this processor, with every access and every undefined operation checked.
sanitize: $(VENV)/.dev
	$(CMAKE) -B build/sanitize -DCMAKE_LIBRARY_OUTPUT_DIRECTORY=$(abspath build/sanitize/lib) \
		-DCMAKE_CXX_FLAGS='-g -fsanitize=address,undefined -fno-sanitize-recover=undefined' \
		-DCMAKE_MODULE_LINKER_FLAGS=-fsanitize=address,undefined
	$(BIN)/cmake --build build/sanitize --target \
		kernels-$$($(BIN)/python -c 'from spikescan import native; print(native.isa())')
	SPIKESCAN_KERNELS=build/sanitize/lib ASAN_OPTIONS=detect_leaks=0 \
		LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
		$(BIN)/python -m pytest $(KERNEL_TESTS)

# A wheel for Linux, tested where no compiler is found; the other packages are those of the checkout.
wheel: FRESH = build/wheel/venv
wheel: $(VENV)/.dev
	rm -rf build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/auditwheel repair --exclude libgomp.so.1 \
		--wheel-dir build/wheel/repaired build/wheel/*.whl
	$(PYTHON) -m venv $(FRESH)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> $$(echo $(FRESH)/lib/python*/site-packages)/checkout.pth
	PATH=$(abspath $(FRESH)/bin) python -m pip install --quiet --no-deps build/wheel/repaired/*.whl
	PATH=$(abspath $(FRESH)/bin) python -m pytest $(KERNEL_TESTS)

# On a machine whose torch sees a GPU; nothing is installed.
gpu:
	PYTHONPATH=src $(PYTHON) benchmarks/gpu.py

clean:
	rm -rf $(VENV) build demo src/spikescan/kernels-*

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python $(SETUP) $(SOURCES)
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e .
	touch $@

# The kernels are left to `make kernels`, which shows what the compiler says.
$(VENV)/.dev: $(BIN)/python $(SETUP)
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt --config-settings=wheel.cmake=false -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt --no-deps $(PEERS)
	touch $@

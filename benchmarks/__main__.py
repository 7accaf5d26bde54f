# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks [OPTIONS]`: every benchmark, one after the other, with the options given."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = (
    "multiplications.py",
    "reference_speed.py",
    "layers_vs_onnxruntime.py",
    "build_time.py",
    "scale.py",
    "cnv.py",
    "synthesis_area.py",
    "network_area.py",
    "unit_area.py",
    "post_training.py",
    "word_lengths.py",
    "weight_sharing.py",
    "fifo_sizing.py",
)

for script in SCRIPTS:
    subprocess.run([sys.executable, Path(__file__).with_name(script), *sys.argv[1:]], check=True)

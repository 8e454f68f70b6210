"""PyOD's detectors on the sets of a folder, and how long two of them take; JSON lines. See outliers.ts.

  python outliers-pyod.py sets FOLDER SEEDS
  python outliers-pyod.py speed FILE ROWS COLUMNS    FILE holds float32, row by row
"""

import json
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.lof import LOF
from pyod.models.pca import PCA
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")

# as they come; only the forest draws at random
DETECTORS = {
    "iforest": lambda seed: IForest(random_state=seed),
    "knn": lambda seed: KNN(),
    "lof": lambda seed: LOF(),
    "ecod": lambda seed: ECOD(),
    "copod": lambda seed: COPOD(),
    "hbos": lambda seed: HBOS(),
    "pca": lambda seed: PCA(random_state=seed),
}


def sets(folder: str, seeds: int) -> None:
    for path in sorted(Path(folder).glob("*.npz")):
        data = np.load(path)
        rows = StandardScaler().fit_transform(data["X"].astype(np.float64))
        for name, make in DETECTORS.items():
            figures = []
            for seed in range(seeds if name == "iforest" else 1):
                    # PCA divides by variances that may be 0
                scores = np.nan_to_num(make(seed).fit(rows).decision_scores_)
                figures.append((roc_auc_score(data["y"], scores), average_precision_score(data["y"], scores)))
            auc, precision = np.mean(figures, axis=0)
            print(json.dumps({"set": path.name, "name": name, "auc": auc, "averagePrecision": precision}), flush=True)


def speed(file: str, count: int, dim: int) -> None:
    rows = np.fromfile(file, "<f4").reshape(count, dim)
    for name, detector in {"iforest": IForest(random_state=0), "knn": KNN(n_neighbors=10)}.items():
        started = time.perf_counter()
        detector.fit(rows)
        fitted = time.perf_counter()
        detector.decision_function(rows)
        scored = time.perf_counter()
        print(json.dumps({"name": name, "fit": fitted - started, "score": scored - fitted}), flush=True)


print(json.dumps({"pyod": version("pyod"), "scikit-learn": version("scikit-learn")}), flush=True)
if sys.argv[1] == "sets":
    sets(sys.argv[2], int(sys.argv[3]))
else:
    speed(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

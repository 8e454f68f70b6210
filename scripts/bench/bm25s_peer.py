"""Another BM25 for hybrid.ts: reads {documents, queries} from standard input, prints the ids of the ten best of each query.

Lucene's variant with k1 1.2 and b .75, Snowball's English stemmer, bm25s's own English stop words.
"""
import json
import sys

import bm25s
import Stemmer

given = json.load(sys.stdin)
stemmer = Stemmer.Stemmer("english")
options = {"stopwords": "en", "stemmer": stemmer, "show_progress": False}
ids = [document["id"] for document in given["documents"]]
index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
index.index(bm25s.tokenize([document["text"] for document in given["documents"]], **options), show_progress=False)
best, _ = index.retrieve(bm25s.tokenize(given["queries"], **options), k=10, show_progress=False)
found = [[ids[i] for i in row] for row in best.tolist()]
json.dump({"version": bm25s.__version__, "found": found}, sys.stdout)

"""Looking at embeddings along two axes, month and region: arrays in, arrays and tables out; nothing is drawn here.

`geometry` holds what all others stand on (unit vectors, principal components, true neighbours). `maps` flattens
embeddings to a plane and measures what that cost (lesson 08), `clusters` groups and names them (lesson 09). What only
lessons look at is in `notebooks/course/`: `drift`, mean `cosines`, `aligned` maps, and what `topics` follow.

Where a function has them, these parameters mean the same everywhere:

- `embeddings` : array (n, width), of any length: their directions are compared;
- `month_ids` : array of int (n,), ids that `MonthRange.ids` gives, not labels;
- `regions`, `labels`, `clusters` : (n,) in anything that holds a column. None, NaN and -1 are unknown, and a
  row without the label that is asked about is left out. A cluster of -1 is noise.
"""

from spacetime.analysis.clusters import StableKMeans, cluster_names, density_clusters
from spacetime.analysis.geometry import nearest, principal_components, unit_vectors
from spacetime.analysis.maps import distortion, distortion_by, label_codes, neighbour_agreement, umap_map

__all__ = [
    "StableKMeans",
    "cluster_names",
    "density_clusters",
    "distortion",
    "distortion_by",
    "label_codes",
    "nearest",
    "neighbour_agreement",
    "principal_components",
    "umap_map",
    "unit_vectors",
]

"""Looking at embeddings along two axes, month and region: arrays in, arrays and tables out; nothing is drawn here.

`geometry` holds what all others stand on (unit vectors, principal components, true neighbours).  `maps` flattens
embeddings to a plane and measures what that cost, `aligned` makes one map a period,
`drift` and `cosines` say in numbers what changes with the months and between regions (lesson 08).  `clusters` groups
and names them (lesson 09).
"""

from spacetime.analysis.aligned import AlignedMap, aligned_maps, alignment
from spacetime.analysis.clusters import (
    StableKMeans,
    class_tfidf,
    cluster_names,
    compare_spaces,
    density_clusters,
    label_agreement,
    over_representation,
    topic_lives,
)
from spacetime.analysis.cosines import cosine_by_months_apart, cosine_of_regions
from spacetime.analysis.drift import CentroidPaths, ChangePoints, centroid_paths, moved_sentences, moving_months
from spacetime.analysis.geometry import near_neighbours, nearest, principal_components, true_neighbours, unit_vectors
from spacetime.analysis.maps import (
    Agreement,
    distortion,
    distortion_by,
    label_codes,
    neighbour_agreement,
    share_explained,
    turned,
    umap_dimensions,
    umap_map,
)

__all__ = [
    "Agreement",
    "AlignedMap",
    "CentroidPaths",
    "ChangePoints",
    "StableKMeans",
    "aligned_maps",
    "alignment",
    "centroid_paths",
    "class_tfidf",
    "cluster_names",
    "compare_spaces",
    "cosine_by_months_apart",
    "cosine_of_regions",
    "density_clusters",
    "distortion",
    "distortion_by",
    "label_agreement",
    "label_codes",
    "moved_sentences",
    "moving_months",
    "near_neighbours",
    "nearest",
    "neighbour_agreement",
    "over_representation",
    "principal_components",
    "share_explained",
    "topic_lives",
    "true_neighbours",
    "turned",
    "umap_dimensions",
    "umap_map",
    "unit_vectors",
]

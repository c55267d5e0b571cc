"""Faces in video: found, followed, judged and cut out, the same way for training and prediction."""

from dfer_jax.video.faces.alignment import LIKE, CropSettings, crop_face
from dfer_jax.video.faces.model_file import download_model, find_model
from dfer_jax.video.faces.quality import FaceQuality
from dfer_jax.video.faces.tracking import Face, FaceTracker

__all__ = [
    "LIKE",
    "CropSettings",
    "Face",
    "FaceQuality",
    "FaceTracker",
    "crop_face",
    "download_model",
    "find_model",
]

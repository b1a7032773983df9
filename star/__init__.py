"""STAR: skeleton-guided video-based visible-infrared person re-identification on MindSpore."""

__version__ = "0.1.0"

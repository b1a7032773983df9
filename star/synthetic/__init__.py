"""Generated people walking past visible and infrared cameras, on disk as HITSZ-VCM folders and skeleton files."""

from star.synthetic.generator import generate

__all__ = ["generate"]

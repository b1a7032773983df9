"""Importing the skeletons other programs made into the one store: one file a format."""

from star.pose.importers.importing import FORMATS, import_skeletons
from star.pose.importers.placing import COORDINATES
from star.pose.importers.summary import ImportSummary

__all__ = ["COORDINATES", "FORMATS", "ImportSummary", "import_skeletons"]

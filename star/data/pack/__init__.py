"""A data set in one file: an uncompressed ZIP archive of its index files, frames and skeletons, read by offset.

Why not LMDB or HDF5: appending frames in a fixed order makes a killed run resumable with the same bytes as one that was
not interrupted, a full disk costs nothing but a retry, every record has its checksum, frames of 10 kB are not rounded
up to pages, and any tool that reads ZIP lists, tests and extracts the data set. Reading is one `pread` a frame: no
lock, no handle that a fork would share, and the page cache belongs to all processes.
"""

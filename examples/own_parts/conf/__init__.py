"""The configuration of the example, installed as own_parts.conf."""

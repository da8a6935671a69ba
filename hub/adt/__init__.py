"""Admission, discharge, transfer: who lies in which bed, and which device stands there, each with its history."""

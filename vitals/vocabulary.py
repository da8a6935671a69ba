"""The closed vocabularies of quality: why a value is missing, what state a device is in, why records will not come."""

from __future__ import annotations

MISSING_REASONS = frozenset(
    """
    no_sensor sensor_off sensor_fault searching signal_lost lead_off apnea calibrating not_calibrated invalid_code
    not_measured out_of_range stale inactive device_invalid questionable test unit_unsupported
    """.split()
)
"""Why a monitor has no number for a parameter (`flags` of a record maps parameter to one of these)."""

DEVICE_STATES = frozenset(
    """
    sensor_off no_sensor sensor_fault searching signal_lost low_perfusion marginal_perfusion low_signal artifact
    questionable lead_off asystole apnea pacer occlusion no_line calibrating initialising low_battery
    critical_battery device_alarm alarm_silenced device_fault standby gap spot_check from_memory demo test
    consumer_grade drill
    """.split()
)
"""What a monitor says about itself (`states` of a record, `flags` of an observation)."""

GAP_REASONS = frozenset(
    """
    spool_full disk_full disk_refused salvage not_kept epoch_change moved clock
    """.split()
)
"""Why a gateway, or the hub in its place, gives records up (`reason` of a gap).

`spool_full` the size cap, `disk_full` the disk itself, `disk_refused` memory ran over while the disk took nothing,
`salvage` unreadable in a damaged spool, `not_kept` receipted long ago and asked for again by a restored hub. Nothing is
lost with `epoch_change` (the seq belongs to an earlier epoch) and `moved` (the record goes out under another epoch).
"""

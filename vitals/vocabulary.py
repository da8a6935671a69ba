"""The two closed vocabularies of signal quality: why a value is missing, and what state a device is in."""

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

"""Alarms after ISA-18.2: rules over what was found, their states, and what people ask of them."""

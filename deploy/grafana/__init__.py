"""Dashboards for Grafana: what is shown of lines, made from the inspector's own metrics."""

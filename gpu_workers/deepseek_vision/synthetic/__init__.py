"""Pictures of a production line whose every defect is known exactly."""

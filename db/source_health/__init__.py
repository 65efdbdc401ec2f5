"""The health of sources: their activity, the alerts that never arrived, and the incidents that follow."""

"""The local stack: embedded servers, a supervisor for the Procfile's processes, and the data directory."""

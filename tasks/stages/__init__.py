"""The five stages of a signal, one module each: claim, load, one pure call per signal, record, advance, commit, log.

Each stage body returns how many signals went on to the next stage; `tasks.base_task` turns it into a Celery task.
"""

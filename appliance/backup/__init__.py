"""The appliance's state in one archive, and back: `voiceprint backup`, `verify-backup` and `restore`.

A backup is a plain tar, written and read in one pass, of plain files only:

    backup.json             the format, what made it and when, and the id of the key that seals it
    models/…                a user's own cards, profiles, heads and networks
    tasks/000000.msgpack    a batch of tasks: their records as Redis holds them, and what is due of each
    inputs/ID               after its batch, the upload of every open task of it, as it lies in the store
    results/ID.ATTEMPT      and the result of every ended one
    …                       further batches, each with its files
    api-keys.json           the hashes of the API keys
    audit/…                 the audit log, all of its files, and its head
    SHA256SUMS              a line for every member before it, as `sha256sum --check` reads them
    manifest.json           what the backup holds, the ids of the keys that it needs, and the SHA-256 of SHA256SUMS
    manifest.hmac           with a key ring, HMAC-SHA256 of manifest.json under its "backup" key

The key ring and the settings, which hold secrets, are never in it.
"""

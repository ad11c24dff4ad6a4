"""The demo territory: invented people whose fiches live through twenty months, by the same verbs as real ones.

`territory` builds it; `agenda` makes everybody's story advance in one order of time, so that places are taken, fiches
expire and reminders leave on the day when they really would; `stories` tells a person's path, `scenes` the situations
that must stand on today's screens.
"""

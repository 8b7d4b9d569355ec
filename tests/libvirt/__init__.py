"""The host on libvirt's test driver: real libvirt, no daemon."""

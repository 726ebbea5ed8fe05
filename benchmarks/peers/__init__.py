"""The appliance beside other programs that make voiceprints."""

"""From folders of labelled music to decoded, divided tracks."""

"""A study: does a model of the song so far, learnt on the chunks' frozen features, beat the mean of their answers?"""

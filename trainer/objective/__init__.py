"""What is learnt: tokens, positions, noise levels, conditions, targets and the loss.

Shape suffixes used in this room:

    B  samples in a batch          N  tokens of one modality (targets and references)
    C  channels of a token         F, H, W  latent frames, rows, columns of a video
    T  latent time steps of audio  M  frequency bins of audio
    S  text tokens                 D  width of a text token
    A  axes of a position (3 for video: time, row, column; 1 for audio: time)
    E  the two ends of a token's extent on an axis: start, end
"""

"""Videos labelled frame by frame: expressions and action units, as in ABAW and Aff-Wild2.

"Spatial and Temporal Networks for Facial Expression Recognition in the Wild Videos", arXiv
2107.05160. A frame's way: `packed` (JPEG bytes of a built data set, any frame at once) or
`features` (what a frozen backbone makes of each, computed once), `windows`, `batches`, `task`,
`inference`, `evaluation`.
"""

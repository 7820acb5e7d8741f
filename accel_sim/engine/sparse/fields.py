"""Where things stand in the flat tables that the compiled propagation reads.

A model is compiled once into integer tables (one row per node, one per tensor) and a few long arrays, so that a whole
faulty run is one call into compiled code. Names below are column numbers.
"""

# Tensor table: place in the arena of codes, size, channels of a pixel (the last axis), pixels of a row, rows, place in
# the arena of flags; places of its own list of changes in ENTRIES, STARTS and LISTED, and the entries that it has room
# for (0: its changes are always written). A tensor of rank two is rows of one pixel.
OFFSET, SIZE, CHANNELS, WIDTH, ROWS, PIXELS, ENTRY, ROOM, START, MARK, TENSOR_FIELDS = range(11)

# Spans of a tensor: the rows [first, last) that have flags, where its changes stand, and the entries in its own list.
FIRST, LAST, STANDING, FILLED, SPAN_FIELDS = range(5)
WRITTEN, AS_LIST, BOTH = range(3)  # in WORK; in the tensor's list, WORK being golden; in both

# Kinds of nodes. FOREIGN nodes are run by their step, outside compiled code; OUTPUT nodes only when their result is
# wanted.
FOREIGN, LINEAR, TRANSPOSED, LOOKUP, PAIR, MAXPOOL, AVERAGE, GLOBAL, JOIN, MOVE, OUTPUT = range(11)

# Node table. IN and IN2 are tensor numbers; JOIN keeps its inputs in the index arena.
KIND, IN, IN2, OUT = 0, 1, 2, 3
# Geometry: of the input, of the output, of the window.
IH, IW, IC, OH, OW, OC = 4, 5, 6, 7, 8, 9
KH, KW, SH, SW, TOP, LEFT, DH, DW = 10, 11, 12, 13, 14, 15, 16, 17
BOTTOM, RIGHT = 18, 19
# Linear nodes: groups, channels per group on both sides, length of an accumulator row, places in the arenas.
GROUP, ICG, OCG, ROW = 20, 21, 22, 23
WEIGHT, ACC, UNITS, ACC_SHIFT = 24, 25, 26, 27
MODE, SCALE, CHANNEL_INTS, STEP_PLACE, STEP_COUNT = 28, 29, 30, 31, 32
LOW, HIGH, ZERO, BYTE, X_ZERO = 33, 34, 35, 36, 37
# Dense form: packed weights, padded depth and columns, bytes of packed weights per group.
PACKED, DEPTH, COLUMNS, PACKED_SIZE, FIXED, W_ZERO, DENSE_PS = 38, 39, 40, 41, 42, 43, 44
# Tables and maps.
TABLE, INDEX, COUNT, FILL = 45, 46, 47, 48
PART = 5  # numbers at INDEX for every input of a JOIN or a FOREIGN node, see `local.join`
FUSED, INCLUDE_PAD, DIRECT, UNIT = 49, 50, 51, 52
# Tensors that no later node reads: place in INTS and number of them.
DONE, DONE_COUNT = 53, 54
# Residuals instead of slack: whether; per channel the step from code to code (in FLOATS), the margin and the longest
# reach of a code (in WEIGHTS).
RESIDUAL, STEP, MARGIN, REACH = 55, 56, 57, 58
NODE_FIELDS = 59

# Arrays of the state, in the order of the tuple that the kernels take.
(
    GOLDEN,  # uint8: codes of the golden run, all tensors
    WORK,  # uint8: the same, with the changes of the current fault
    FLAGS,  # uint8: one for every pixel of every tensor that has a changed code
    SPANS,  # int64: per tensor which rows have flags, and where its changes stand
    ACCUMULATORS,  # int32: golden accumulators of the linear nodes
    SLACK,  # uint8: two bytes for each of them: its `residual`, or how far it may move, see `slack`
    TOUCHED,  # uint8: scratch, zero between nodes: output pixels within reach of a change
    ENTRIES,  # int64: changed channel pairs, row by row: scratch for the current input, then every tensor's own list
    STARTS,  # int32: where the entries of every pixel of a row begin: of the current input, then of every tensor
    LISTED,  # uint8: whether a row is listed: of the current input (zero between nodes), then of every tensor
    SUMS,  # int32: scratch: accumulators or their differences, of a pixel or a row of outputs
    CROSSING,  # int32: scratch: columns of a row whose codes may change
    WEIGHTS,  # int16: weights minus their zero point, by input channel
    PACKED_WEIGHTS,  # int8: weights for the dense kernels
    TABLES,  # uint8: lookup tables
    INTS,  # int32: maps, constants per channel, thresholds
    FLOATS,  # float32: scales, real values of codes
    NODES,  # int64: node table
    TENSORS,  # int64: tensor table
    TALLY,  # int64: how often each strategy was taken, and the work it did
) = range(20)

# Columns of TALLY: output pixels of linear nodes by strategy (differences followed, recomputed in tiles or whole,
# grouped nodes), other nodes; entries listed, multiply-accumulates and outputs of the first strategy;
# multiply-accumulates of the second; tensors whose changes were listed and not written.
FOLLOWED, RECOMPUTED, GROUPED, LOCAL_NODES, LISTED_ENTRIES = range(5)
PRODUCTS, REQUANTISED, DENSE_PRODUCTS, LISTED_TENSORS, TALLY_FIELDS = range(5, 10)

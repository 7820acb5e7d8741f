"""Where things stand in the flat tables that the compiled propagation reads.

A model is compiled once into integer tables (one row per node, one per tensor) and a few long arrays, so that a whole
faulty run is one call into compiled code. Names below are column numbers.
"""

# Tensor table: place in the arena of codes, size, channels of a pixel (the last axis), pixels of a row, rows, place in
# the arena of flags. A tensor of rank two is rows of one pixel.
OFFSET, SIZE, CHANNELS, WIDTH, ROWS, PIXELS, TENSOR_FIELDS = range(7)

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
FUSED, INCLUDE_PAD, DIRECT, UNIT = 49, 50, 51, 52
# Tensors that no later node reads: place in INTS and number of them.
DONE, DONE_COUNT = 53, 54
NODE_FIELDS = 55

# Arrays of the state, in the order of the tuple that the kernels take.
(
    GOLDEN,  # uint8: codes of the golden run, all tensors
    WORK,  # uint8: the same, with the changes of the current fault
    FLAGS,  # uint8: one for every pixel of every tensor that has a changed code
    SPANS,  # int64: per tensor the rows [first, last) that have flags
    ACCUMULATORS,  # int32: golden accumulators of the linear nodes
    SLACK,  # uint8: how far each of them may move without a change of its code, see `slack`
    TOUCHED,  # uint8: scratch, zero between nodes: output pixels within reach of a change
    ENTRIES,  # int64: scratch: the changed channel pairs of the current input, row by row
    STARTS,  # int32: scratch: where the entries of every pixel of a row begin
    LISTED,  # uint8: scratch, zero between nodes: whether a row of the current input is listed
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
# multiply-accumulates of the second.
FOLLOWED, RECOMPUTED, GROUPED, LOCAL_NODES, LISTED_ENTRIES = range(5)
PRODUCTS, REQUANTISED, DENSE_PRODUCTS, TALLY_FIELDS = range(5, 9)

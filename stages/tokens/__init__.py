"""How many tokens a prompt has, counted here: for upstreams that can't say.

    prompt ─split─▶ units ─▶ known by their content?  ──yes──────────────────────────┐
                                  │ no                                               ▼
                                  └─▶ a process of its own: decode, tokenize ─▶ weights ─scale─▶ tokens of this model
                                                                                         ▲
                              what upstreams say that such prompts had ─▶ calibrations ──┘

    units    a prompt, cut where turns change it         weight   what one unit holds, by kind of content
    weigh    JSON of a unit → its weight                 pictures, files, declarations   what takes more than a look
    scales   what models make of a weight                calibration  what they were seen to make of it
    worker   the process, with its tokenizer             clerk    who starts and asks it
    looks    what a picture costs                        counter  all of it, for forward

A unit is a system block, a tool, a turn.  What it holds does not depend on the model: the weight is remembered by the
content's digest, and the next turn of a conversation costs what is new in it.
"""

"""What belongs to the notebooks: the judges of their exercises, one file a notebook.

A judge takes what needs Keras from the front, `lrlab.Run`, or imports it where it is used. So
loading judges loads no Keras, and an exercise that needs none is judged at once.
"""

# The notebooks by kind, in the order in which one leads to the next.
PATH = {
    "How": ("00", "02", "03", "07", "12"),
    "Why": ("01", "04", "05", "06", "08", "09", "10"),
    "More": ("11", "14", "13"),
}

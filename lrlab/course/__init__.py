"""What belongs to the notebooks: the judges of their exercises, one file a notebook.

A judge takes what needs Keras from the front, `lrlab.Run`, or imports it where it is used. So
loading judges loads no Keras, and an exercise that needs none is judged at once.
"""

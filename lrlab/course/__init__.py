"""What belongs to the notebooks: the judges of their exercises, one file a notebook.

A judge takes what needs Keras from the front, `lrlab.Run`, or imports it where it is used. So
loading judges loads no Keras, and an exercise that needs none is judged at once.
"""

# The notebooks by kind, in the order in which one leads to the next.
PATH = {
    "How": (
        "00_start_here",
        "02_setting_the_learning_rate",
        "03_step_decay",
        "07_finding_a_learning_rate",
        "12_your_own_model",
    ),
    "Why": (
        "01_what_is_a_learning_rate",
        "04_schedules",
        "05_reacting_to_training",
        "06_steering_by_hand",
        "08_batch_size_and_momentum",
        "09_adam_and_friends",
        "10_edge_of_stability",
    ),
    "More": ("11_the_map", "14_fine_tuning", "13_pitfalls"),
}

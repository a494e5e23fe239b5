from remedy.remedies.adapt_vocabulary import AdaptVocabulary
from remedy.testing import check_rewritten, check_unchanged
from remedy.testing.specimens import given_to, specimen


def test_the_layer_knows_the_training_texts_and_no_more_words_than_there_are_vectors_for():
    recipe, data = given_to(AdaptVocabulary())
    changed = check_rewritten(AdaptVocabulary(), recipe, data)
    table = changed.build(data, 0).layers[0]
    assert set(table.get_vocabulary(include_special_tokens=False)) == {"good", "fine", "bad", "poor"}
    check_unchanged(AdaptVocabulary(), changed, data)

    def narrow(entry):
        entry["config"]["input_dim"] = 4

    few = recipe.replace(architecture=recipe.architecture.edit(narrow, "Embedding"))
    words = next(AdaptVocabulary().apply(few, data).architecture.layers("TextVectorization"))["config"]["vocabulary"]
    assert len(words) == 2


def test_a_net_without_texts_is_left_alone():
    check_unchanged(AdaptVocabulary(), *specimen())

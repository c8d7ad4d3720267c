# SPDX-License-Identifier: Apache-2.0
"""Words that say nothing of what a question is about; in lower case, without accents."""

_FRENCH = """
a ai aide aider ainsi alors apres as au aucun aura aussi autre autres aux avant avec avez avoir
avons bien bonjour c ca car ce ceci cela celle celui ces cet cette chez ci comme comment d dans de
deja depuis des deux devoir dire dis dit dois doit donc du elle elles en encore entre es est et
etait ete etes etre eu explique expliquer faire fais fait falloir faudrait faut font hui ici il
ils j je jusqu juste l la le les leur leurs lorsqu lui m ma mais me meme merci mes moi moins mon n
ne ni non nos notre nous on ont or ou oui par parce pas pendant peu peut peuvent peux plus plutot
pour pourquoi pourrais pourrait pouvez pouvoir pouvons puis puisqu qu quand que quel quelle
quelles quelqu quelque quels qui quoi s sa sais sait sans savoir se sera ses si sinon soit son
sont souhaite sous suis sur svp t ta te tes toi ton toujours tous tout toute toutes tres trop tu
un une va vais vers veut veux vont vos votre voudrais voudrait voulez vouloir vous vraiment vs y
"""
_ENGLISH = """
a about after all also always am an and any are aren as at be because been before being but by can
cannot could d did didn do does doesn doing don done each else ever every explain for from get
give go goes going got had has hasn have haven having he hello help her here hers hi him his how i
if in into is isn it its just know let like ll m make may me might mine more most much must my
need no nor not now of off ok on one only or other our ours out over please re s shall she should
so some such t tell than thank thanks that the their them then there these they thing this those
through to too tried try trying under until up us ve very want wants was we were what when where
which while who whom why will with won would yes you your yours
"""

STOP_WORDS = {"fr": frozenset(_FRENCH.split()), "en": frozenset(_ENGLISH.split())}

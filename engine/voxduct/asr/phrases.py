"""Phrases that Whispers write where nobody speaks: ends of subtitles and videos that they were trained on.

People say some of them too, so the list alone never drops a text (`voxduct.asr.gate`).
"""

from __future__ import annotations

PHRASES: dict[str, tuple[str, ...]] = {
    "en": (
        "thank you", "thanks", "thank you very much", "thank you so much", "thank you for watching",
        "thank you for watching this video", "thanks for watching", "thanks for listening", "thank you for listening",
        "please subscribe", "please subscribe to my channel", "like and subscribe", "see you next time",
        "see you in the next video", "bye", "bye bye", "you", "the end", "to be continued",
        "subtitles by the amara org community", "transcription by castingwords",
    ),
    "de": (
        "vielen dank", "vielen dank fürs zuschauen", "danke fürs zuschauen", "bis zum nächsten mal", "tschüss",
        "untertitel der amara org community", "untertitel von stephanie geiges", "untertitelung des zdf 2020",
        "untertitel im auftrag des zdf für funk 2017",
    ),
    "fr": (
        "merci", "merci d'avoir regardé cette vidéo", "merci d'avoir regardé", "à bientôt",
        "sous titres réalisés par la communauté d'amara org",
        "sous titrage st 501", "sous titrage société radio canada",
    ),
    "es": (
        "gracias", "gracias por ver el video", "muchas gracias por ver", "suscríbete al canal", "hasta la próxima",
        "subtítulos realizados por la comunidad de amara org", "subtítulos por la comunidad de amara org",
    ),
    "it": (
        "grazie", "grazie a tutti", "grazie per aver guardato il video", "sottotitoli creati dalla comunità amara org",
    ),
    "pt": ("obrigado", "obrigada", "obrigado por assistir", "legendas pela comunidade amara org", "tchau"),
    "nl": ("bedankt", "bedankt voor het kijken", "ondertiteld door de amara org gemeenschap", "tot de volgende keer"),
    "pl": ("dziękuję", "dziękuję za uwagę", "napisy stworzone przez społeczność amara org"),
    "ru": ("спасибо", "спасибо за просмотр", "продолжение следует", "субтитры сделал dimatorzok", "до новых встреч"),
    "tr": ("teşekkürler", "izlediğiniz için teşekkür ederim", "altyazı m k", "abone ol"),
    "ja": (
        "ご視聴ありがとうございました", "ありがとうございました", "おやすみなさい", "チャンネル登録お願いします",
    ),
    "ko": ("시청해주셔서 감사합니다", "감사합니다", "구독과 좋아요 부탁드립니다"),
    "zh": (
        "谢谢观看", "謝謝觀看", "谢谢大家", "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", "字幕由amara org社区提供",
    ),
}  # fmt: skip
"""By language code; lower case, without punctuation but inner apostrophes."""


def is_invented_phrase(text: str, language: str) -> bool:
    """Whether all of `text` is one of the phrases of `language`, punctuation and capitals aside."""
    plain = "".join(letter if letter.isalnum() or letter == "'" else " " for letter in text.casefold())
    return " ".join(plain.split()) in PHRASES.get(language, ())

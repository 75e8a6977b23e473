größe = "ünïcödé"
naïve? = größe
日本 = :日本
%{"ключ" => :ключ, größe: größe}
# комментарий 👍
переменная = "👍🏽" <> größe
"🇩🇪" <> größe
'é' ++ größe
?日 + größe
foo("é", "日本", ~s(日) <> 日本) # after wide characters

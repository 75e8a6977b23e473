<%= if live? do %>defmodule <%= base %>Web.<%= schema %>Live.Login do
  use <%= base %>Web, :live_view
end
<% else %>defmodule <%= base %>Web.<%= schema %>SessionController do
  use <%= base %>Web, :controller
end
<% end %>
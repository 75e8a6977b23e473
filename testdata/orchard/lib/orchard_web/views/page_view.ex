defmodule OrchardWeb.PageView do
  use OrchardWeb, :view
end

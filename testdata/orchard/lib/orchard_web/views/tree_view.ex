defmodule OrchardWeb.TreeView do
  use OrchardWeb, :view
end

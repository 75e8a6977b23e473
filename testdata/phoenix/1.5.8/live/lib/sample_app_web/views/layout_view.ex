defmodule SampleAppWeb.LayoutView do
  use SampleAppWeb, :view
end

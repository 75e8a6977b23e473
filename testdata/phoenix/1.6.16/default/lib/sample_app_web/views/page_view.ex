defmodule SampleAppWeb.PageView do
  use SampleAppWeb, :view
end
